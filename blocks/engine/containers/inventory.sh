# List what a session wrote: each file with its kind, owner, size, inode and times. Arguments: the busybox that this runs
# in; a mark that begins each record; how many bytes may be said; then folders above what is kept (begin with above:),
# then what is kept. What does not come to "end" is no list.
busybox=$1 mark=$2 most=$3
shift 3
cd /kept || exit
{
    set -e
    echo "$mark at $($busybox date -u '+%Y-%m-%d %H:%M:%S')"
    for path; do
        kind=f
        case $path in above:*) kind=a path=${path#above:} ;; esac
        [ -e "./$path" ] || [ -L "./$path" ] || continue
        line="$mark $kind %f %u %g %s %i %h %y %z %n"
        if [ $kind = a ]; then
            $busybox stat -c "$line" "./$path"
        else
            $busybox find "./$path" -exec $busybox stat -c "$line" {} +
        fi
    done
    echo "$mark end"
} | $busybox head -c "$most"
