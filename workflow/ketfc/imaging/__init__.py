"""From BOLD images to connectivity: reader, regions, denoising, measures, quality."""
