#!/bin/sh
# Runs a Spark standalone master, or a worker of the master `spark-master`, in the foreground.
set -eu
cd /spark

# This container's address in the network in which it reaches a host: a worker is in the store's, too, where the master
# is not.
address_towards() {
    python -c "
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
    route.connect((sys.argv[1], 7077))
    print(route.getsockname()[0])" "$1"
}

case "$1" in
    master) exec spark-class org.apache.spark.deploy.master.Master --host spark-master --port 7077 --webui-port 8081 ;;
    worker) exec spark-class org.apache.spark.deploy.worker.Worker --work-dir /spark/work --webui-port 8081 \
                --host "$(address_towards spark-master)" \
                --cores "${SPARK_WORKER_CORES:-1}" --memory "${SPARK_WORKER_MEMORY:-2g}" spark://spark-master:7077 ;;
    *) echo "the first argument must be master or worker, not $1" >&2; exit 64 ;;
esac
