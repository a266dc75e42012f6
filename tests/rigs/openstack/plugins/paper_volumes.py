"""Cinder's volume driver of the rig: volumes on paper. A machine that is a container gets no block device."""

from cinder import interface
from cinder.volume import driver


@interface.volumedriver
class PaperVolumes(driver.VolumeDriver):
    """Says yes to everything; Cinder's own book-keeping (quota, states, attachments, types) is real."""

    VERSION = "1.0"
    CI_WIKI_NAME = "none"

    def _nothing(self, *_args, **_kwargs):
        """There is nothing to do on paper."""

    check_for_setup_error = create_volume = delete_volume = _nothing
    ensure_export = create_export = remove_export = terminate_connection = _nothing
    copy_image_to_volume = _nothing

    def initialize_connection(self, volume, connector, **_kwargs):
        """How a compute would reach the volume."""
        return {"driver_volume_type": "fake", "data": {"volume_id": volume.id}}

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        """Take a copy of the image for made."""
        return {}, True

    def get_volume_stats(self, refresh=False):
        """Room without end."""
        return {
            "volume_backend_name": "paper",
            "vendor_name": "rig",
            "driver_version": self.VERSION,
            "storage_protocol": "paper",
            "total_capacity_gb": "infinite",
            "free_capacity_gb": "infinite",
        }
