# Run by blocks/engine/probes/escape.py in a throwaway container, with ADDRESS/PORT for each door, and LIMITED where the container
# is to be held to a rate of the network. Writes a line for each way out.
b=/bin/busybox

try() {
  $b nc -w 1 "$1" "$2" -e $b true </dev/null >/dev/null 2>&1 && echo "door $1 $2"
  echo >>/tried
}

# Whether each door has answered, or its connection was asked for and is open to this moment. What has answered is counted first:
# a door that answers in between is in neither count, never in both.
settled() {
  answered=$($b wc -l </tried)
  waiting=$($b cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | $b grep -c '^ *[0-9]*: [^ ]* [^ ]* 02 ')
  [ $((answered + waiting)) -ge $doors ]
}

# nc waits for whole seconds. Where the kernel cannot be read, or a program has no turn, that second is waited for.
settle() {
  for _ in $($b seq 20); do
    settled && return
    $b sleep 0.05
  done
  wait
}

# The limit is in force a moment after a container's start, and this is seen of it from inside.
limited() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    $b ip link show dev eth0 | $b grep -q 'qdisc tbf' && return
    $b sleep 0.5
  done
  echo "right to use the network without a limit"
}

: >/tried
doors=0
gate=$($b ip route 2>/dev/null | $b sed -n 's/^default via \([^ ]*\).*/\1/p')
for door in "$@" ${gate:+$gate/22 $gate/2376}; do
  doors=$((doors + 1))
  try "${door%/*}" "${door##*/}" &
done

# The other end's kernel answers what asks for a connection, however busy its programs are: in milliseconds. A door that has not half a
# second after all were asked for drops what comes.
settle
$b sleep 0.5 &
half=$!
[ -z "${LIMITED:-}" ] || limited

# What would be changed is this container's own, or is written as it is.
$b mount -t tmpfs none /tmp 2>/dev/null && echo "right to mount"
$b mknod /tmp/disk b 8 0 2>/dev/null && echo "right to make devices"
($b cat /proc/sys/kernel/panic >/proc/sys/kernel/panic) 2>/dev/null && echo "right to set the kernel"
$b ip link set lo down 2>/dev/null && echo "right to change the network"
wait $half
settle
echo tested
