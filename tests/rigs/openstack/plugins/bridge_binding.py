"""Neutron's mechanism driver of the rig: binds every port, without any agent."""

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class BridgeBinding(api.MechanismDriver):
    """Says of every port that it is bound and up. The instance is plugged in by the compute driver."""

    def initialize(self):
        """Nothing to do."""

    @property
    def connectivity(self):
        """What ports of this driver can do."""
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context):
        """Bind to the first segment that is asked for. Nova plugs "tap" itself and no longer accepts "bridge"."""
        for segment in context.segments_to_bind:
            details = {portbindings.CAP_PORT_FILTER: False}
            context.set_binding(
                segment[api.ID], portbindings.VIF_TYPE_TAP, details, status=constants.PORT_STATUS_ACTIVE
            )
            return
