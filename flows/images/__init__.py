"""The flows of images: added, sent to hosts, retired."""
