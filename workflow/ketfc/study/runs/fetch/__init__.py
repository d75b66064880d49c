"""Images that are not here yet: OpenNeuro, S3, and git-annex datasets."""
