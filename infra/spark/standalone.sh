#!/bin/sh
# Runs a Spark standalone master, or a worker of the master `spark-master`, in the foreground.
set -eu
cd /spark
case "$1" in
    master) exec spark-class org.apache.spark.deploy.master.Master --host spark-master --port 7077 --webui-port 8081 ;;
    # the address that the master can reach: a worker is also in the store's network, where the master is not
    worker) exec spark-class org.apache.spark.deploy.worker.Worker --host "$(python -c 'if True:
                import socket
                route = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                route.connect(("spark-master", 7077))
                print(route.getsockname()[0])')" \
                --work-dir /spark/work --webui-port 8081 \
                --cores "${SPARK_WORKER_CORES:-1}" --memory "${SPARK_WORKER_MEMORY:-2g}" spark://spark-master:7077 ;;
    *) echo "the first argument must be master or worker, not $1" >&2; exit 64 ;;
esac
