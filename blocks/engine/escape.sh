# Run by blocks/engine/escape.py in a throwaway container, with ADDRESS/PORT for each door. Writes a line for each way out.
b=/bin/busybox

try() { $b nc -w 1 "$1" "$2" -e $b true </dev/null >/dev/null 2>&1 && echo "door $1 $2"; }

gate=$($b ip route 2>/dev/null | $b sed -n 's/^default via \([^ ]*\).*/\1/p')
for door in "$@" ${gate:+$gate/22 $gate/2376}; do try "${door%/*}" "${door##*/}" & done
wait

# What would be changed is this container's own, or is written as it is.
$b mount -t tmpfs none /tmp 2>/dev/null && echo "right to mount"
$b mknod /tmp/disk b 8 0 2>/dev/null && echo "right to make devices"
($b cat /proc/sys/kernel/panic >/proc/sys/kernel/panic) 2>/dev/null && echo "right to set the kernel"
$b ip link set lo down 2>/dev/null && echo "right to change the network"
echo tested
