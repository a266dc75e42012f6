#!/bin/sh
# Makes a configured, empty notebook host fit to become an image: what is in it is shared by every machine that boots from
# the image, so nothing stays that is this machine's own, or secret. The images below Docker's data root stay.
#
#   sysprep.sh DATA_ROOT MARK      MARK is kept for those who configure the machines that boot from the image
#
# It may be run again. The machine is of no further use afterwards.
set -eu
data_root=$1
mark=$2

# The engine in good order, and off until a machine has its own certificate
systemctl disable --quiet --now docker.service docker.socket
systemctl stop containerd.service 2>/dev/null || true
[ ! -e /run/docker.pid ] || { echo "the engine still runs"; exit 1; }
rm -rf /etc/docker/tls/* /etc/docker/key.json
find "$data_root" -mindepth 1 -maxdepth 1 ! -name overlay2 ! -name image -exec rm -rf {} +

# Who it is: cloud-init gives each machine its own at its first boot. The user data, with our host key, goes with it.
cloud-init clean --logs
rm -rf /var/lib/cloud/seed/nocloud /var/lib/cloud/instances /var/lib/cloud/instance
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id /var/lib/systemd/random-seed
truncate -s 0 /etc/machine-id

# Who may log in, and who did
rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys /root/.ssh/known_hosts /home/*/.ssh/known_hosts
rm -f /root/.*_history /home/*/.*_history
rm -rf /root/.ansible /home/*/.ansible /var/tmp/*

# Where it was
rm -rf /var/lib/dhcp/* /var/lib/NetworkManager/*.lease /run/systemd/netif/leases
rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init /etc/udev/rules.d/70-persistent-net.rules

# Its disks: a swap file is made again where one is wanted
if [ -e /swapfile ]; then
  swapoff /swapfile 2>/dev/null || true
  rm -f /swapfile
  sed -i '\#^/swapfile#d' /etc/fstab
fi

# What it saw
rm -rf /var/log/journal/* /run/log/journal/*
find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -delete
find /var/log -type f -exec truncate -s 0 {} +

printf '%s\n' "$mark" > /etc/notebook-host-image
sync
