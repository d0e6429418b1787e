"""Pictures in files: images, vectors, pages and slides."""
