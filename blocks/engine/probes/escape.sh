# Run by blocks/engine/probes/escape.py in a throwaway container, with ADDRESS/PORT for each door, and LIMITED where the container
# is to be held to a rate of the network. Writes a line for each way out.
b=/bin/busybox

try() { $b nc -w 1 "$1" "$2" -e $b true </dev/null >/dev/null 2>&1 && echo "door $1 $2"; }

# The limit is in force a moment after a container's start, and this is seen of it from inside.
limited() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    $b ip link show dev eth0 | $b grep -q 'qdisc tbf' && return
    $b sleep 0.5
  done
  echo "right to use the network without a limit"
}

gate=$($b ip route 2>/dev/null | $b sed -n 's/^default via \([^ ]*\).*/\1/p')
for door in "$@" ${gate:+$gate/22 $gate/2376}; do try "${door%/*}" "${door##*/}" & done
[ -z "${LIMITED:-}" ] || limited &
wait

# What would be changed is this container's own, or is written as it is.
$b mount -t tmpfs none /tmp 2>/dev/null && echo "right to mount"
$b mknod /tmp/disk b 8 0 2>/dev/null && echo "right to make devices"
($b cat /proc/sys/kernel/panic >/proc/sys/kernel/panic) 2>/dev/null && echo "right to set the kernel"
$b ip link set lo down 2>/dev/null && echo "right to change the network"
echo tested
