"""The locations that a lake can have."""

import pytest

from delta_tables.storage.lake import Lake


@pytest.mark.parametrize("root", ["lake", "./lake", ""])
def test_a_relative_path_is_not_a_lake(root: str) -> None:
    with pytest.raises(ValueError, match="absolute folder or a bucket"):
        Lake(root)


@pytest.mark.parametrize("root", ["/srv/lake", "s3a://bucket/lake", "s3://bucket/lake"])
def test_a_folder_or_a_bucket_is_a_lake(root: str) -> None:
    assert Lake(root).root == root
