"""Images and their sidecars: headers, grids and one pass through the volumes."""
