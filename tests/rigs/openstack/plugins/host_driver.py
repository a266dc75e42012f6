"""Nova's compute driver of the rig: an instance is a system container of the host image.

Machines of a flavor ``rig.…`` run and never answer ssh, which costs next to nothing; those of all others boot. A
test asks for trouble by the flavor, too: ``rig.fails`` cannot be spawned, ``rig.never-ready`` is in BUILD until it is
deleted, ``rig.undying`` refuses to be destroyed until FORGIVE exists.
"""

import io
import os
import time
from pathlib import Path

import system_container as machine
from nova import exception
from nova.api.metadata.base import InstanceMetadata
from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import fake, hardware

FORGIVE = Path(os.environ["RIG_DRIVES"]) / "forgive"
BUILD_SECONDS = 600
MUTE = ["sh", "-c", "echo kernel panic: no init found; exec sleep infinity"]


class HostDriver(fake.FakeDriverWithoutFakeNodes):
    """The fake driver's accounting, with real machines."""

    vcpus, memory_mb, local_gb = 64, 131072, 1000

    def init_host(self, host):
        """Know the machines again that outlived a nova-compute."""
        super().init_host(host)
        for uuid in machine.uuids():
            self.instances[uuid] = fake.FakeInstance(machine.name(uuid), self._power(uuid), uuid)

    def spawn(
        self,
        context,
        instance,
        image_meta,
        injected_files,
        admin_password,
        allocations,
        network_info=None,
        block_device_info=None,
        power_on=True,
        accel_info=None,
    ):
        """Boot a machine with the config drive that Nova makes."""
        if instance.flavor.name == "rig.fails":
            raise exception.InstanceDeployFailure(reason="the rig was asked to fail")
        if instance.flavor.name == "rig.never-ready":
            _wait_until_deleted(instance)
        super().spawn(
            context, instance, image_meta, injected_files, admin_password, allocations, network_info, block_device_info
        )
        try:
            self._boot(instance, injected_files, network_info)
        except Exception as error:
            self.destroy(context, instance, network_info, block_device_info)
            raise exception.InstanceDeployFailure(reason=str(error)) from error

    def _boot(self, instance, injected_files, network_info):
        drive = InstanceMetadata(instance, content=injected_files, network_info=network_info)
        machine.create(
            instance.uuid,
            instance.hostname,
            network_info[0].fixed_ips()[0]["address"],
            network_info[0]["address"],
            dict(drive.metadata_for_config_drive()),
            instance.flavor.memory_mb,
            machine.image_of(instance.image_ref),
            MUTE if instance.flavor.name.startswith("rig.") else None,
        )

    def destroy(
        self, context, instance, network_info, block_device_info=None, destroy_disks=True, destroy_secrets=True
    ):
        """Remove the machine."""
        if instance.flavor.name == "rig.undying" and not FORGIVE.exists():
            raise exception.NovaException("the rig was asked not to destroy it")
        machine.destroy(instance.uuid)
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, destroy_secrets)

    def snapshot(self, context, instance, image_id, update_task_state):
        """Keep the machine's disk; Glance gets the name of it."""
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        machine.commit(instance.uuid, image_id)
        update_task_state(task_state=task_states.IMAGE_UPLOADING, expected_state=task_states.IMAGE_PENDING_UPLOAD)
        about = {"disk_format": "raw", "container_format": "bare"}
        glance.API().update(context, image_id, about, data=io.BytesIO(b"the driver boots its snapshot"))

    def power_off(self, instance, timeout=0, retry_interval=0):
        """Switch the machine off."""
        machine.stop(instance.uuid, timeout or 10)

    def power_on(self, context, instance, network_info, block_device_info=None, accel_info=None, share_info=None):
        """Switch the machine on."""
        machine.start(instance.uuid)

    def get_info(self, instance, use_cache=True):
        """Whether the machine is on."""
        return hardware.InstanceInfo(state=self._power(instance.uuid))

    def list_instance_uuids(self):
        """Every machine."""
        return machine.uuids()

    def get_console_output(self, context, instance):
        """What the machine wrote to its console."""
        return machine.console(instance.uuid)

    def _power(self, uuid):
        running = machine.running(uuid)
        if running is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        return power_state.RUNNING if running else power_state.SHUTDOWN


def _wait_until_deleted(instance):
    """Hold the build. Nova deletes a building instance only when its build has let go of it."""
    for _ in range(BUILD_SECONDS):
        instance.refresh()
        if instance.task_state == task_states.DELETING:
            break
        time.sleep(1)
    raise exception.UnexpectedDeletingTaskStateError(
        instance_uuid=instance.uuid, expected={"task_state": []}, actual={"task_state": task_states.DELETING}
    )
