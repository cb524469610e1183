#!/bin/sh
# Facts about the machine this runs on, printed as records for ralphext: one JSON object per line.
# Needs a POSIX shell and awk; what `lsblk`, `ip` and `df` know is added where they are installed.
#
# It shows the three forms content can take:
#   the machine      a card      (title, status, fields, a table: drawn by Ralph's tab as it is)
#   its system       free JSON   (for a template, or for other programs)
#   its interfaces   HTML        (sanitised by ralphext before anybody sees it)
#
# Ralph's ids come from the configuration ([source.env]): in real life an extension knows them, or looks them up.
set -eu
export LC_ALL=C

machine_id=${RALPH_MACHINE_ID:-4711} # a DataCenterAsset: its bare primary key
system_id=${RALPH_SYSTEM_ID:-4712}   # a VirtualServer, the system that runs on it

# What awk programs below share: text as a JSON string, text in HTML, bytes for people.
functions='
  function json(text,   i, c, out) {
    for (i = 1; i < 32; i++) if (!(sprintf("%c", i) in escape)) escape[sprintf("%c", i)] = sprintf("\\u%04x", i)
    escape["\""] = "\\\""; escape["\\"] = "\\\\"; escape["\t"] = "\\t"; escape["\n"] = "\\n"
    for (i = 1; i <= length(text); i++) { c = substr(text, i, 1); out = out (c in escape ? escape[c] : c) }
    return "\"" out "\""
  }
  function html(text) {
    gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); gsub(/"/, "\\&quot;", text)
    return text
  }
  function field(label, value, unit) { # value as JSON already: a number, or json(text)
    return "{\"label\":" json(label) ",\"value\":" value (unit ? ",\"unit\":" json(unit) : "") "}"
  }
  function gib(bytes) { return sprintf("%.1f", bytes / 1073741824) }
  function size(bytes,   n, units) {
    split("B KiB MiB GiB TiB PiB", units, " ")
    for (n = 1; bytes >= 1024 && n < 6; n++) bytes /= 1024
    return sprintf(bytes < 10 && n > 1 ? "%.1f %s" : "%.0f %s", bytes, units[n])
  }
  # lsblk -P writes unusual bytes as \xNN.
  function unescape(text,   at) {
    while (at = index(text, "\\x"))
      text = substr(text, 1, at - 1) sprintf("%c", hex(substr(text, at + 2, 2))) substr(text, at + 4)
    return text
  }
  function hex(two) { return (index("0123456789abcdef", substr(two, 1, 1)) - 1) * 16 + index("0123456789abcdef", substr(two, 2, 1)) - 1 }
'

# ---- What the machine says of itself: each command prints nothing where its tool or file is missing ---------------

hostname=$(uname -n)
cat_proc() { if [ -r "/proc/$1" ]; then cat "/proc/$1"; fi; }
have() { command -v "$1" >/dev/null 2>&1; }

disks() { if have lsblk; then lsblk --bytes --nodeps --pairs --output NAME,SIZE,ROTA,TYPE,MODEL 2>/dev/null || :; fi; }
addresses() { if have ip; then ip -oneline address 2>/dev/null || :; fi; }
links() {
  for directory in /sys/class/net/*; do
    # Those of containers come and go; they are no objects in Ralph.
    case "${directory##*/}" in lo | veth* | ifb* | dummy*) continue ;; esac
    if [ ! -e "$directory/ifindex" ]; then continue; fi
    for name in ifindex address mtu operstate; do
      printf '%s ' "$(cat "$directory/$name" 2>/dev/null || echo -)"
    done
    basename "$directory"
  done
}
# Real file systems: those on a device, once each, and the root. Two columns more than `df` says: type and options.
file_systems() {
  cat_proc mounts | awk '($1 ~ /^\/dev\// || $2 == "/") && !seen[$1]++ { print $2, $3, $4 }' |
    while read -r mount type options; do
      printf '%s %s %s\n' "$type" "$options" "$(df -Pk "$mount" 2>/dev/null | tail -n 1)"
    done
}

# ---- The machine, as a card --------------------------------------------------------------------------------------

machine() {
  { cat_proc cpuinfo; cat_proc meminfo; disks; } | ID=$machine_id HOST=$hostname awk "$functions"'
    function value(line) { sub(/^[^:]*:[ \t]*/, "", line); return line }
    function attribute(name) {
      return match($0, name "=\"[^\"]*\"") ? unescape(substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3)) : ""
    }
    /^processor[ \t]*:/              { threads++ }
    /^(model name|Model|cpu model)/  { if (!cpu) cpu = value($0) }
    /^flags[ \t]*:.* hypervisor/     { virtual = 1 }
    /^MemTotal:/                     { memory = $2 * 1024 }
    /^SwapTotal:/                    { swap = $2 * 1024 }
    /^NAME=/ && attribute("TYPE") == "disk" && attribute("SIZE") > 0 {
      capacity += attribute("SIZE")
      rows = rows (disks++ ? "," : "") "[" json(attribute("NAME")) "," json(size(attribute("SIZE"))) ","  \
        json(attribute("ROTA") == "1" ? "rotating" : "solid state") "," json(attribute("MODEL")) "]"
    }
    END {
      if (!cpu) cpu = "unknown processor"
      printf "{\"id\":%s,\"content_type\":\"application/vnd.ralphext.card+json\",\"content\":{", json(ENVIRON["ID"])
      printf "\"title\":%s,", json("Hardware of " ENVIRON["HOST"])
      printf "\"status\":\"%s\",", threads && memory ? "ok" : "unknown"
      count = disks + 0 " disk" (disks == 1 ? "" : "s")
      printf "\"summary\":%s,", json(cpu ", " threads + 0 " threads, " size(memory) " of memory, " count)
      printf "\"fields\":[%s,%s", field("Processor", json(cpu)), field("Threads", threads + 0)
      printf ",%s", field("Memory", gib(memory), "GiB")
      if (swap) printf ",%s", field("Swap", gib(swap), "GiB")
      if (disks) printf ",%s", field("Disk space", gib(capacity), "GiB")
      printf "]"
      if (virtual) printf ",\"badges\":[{\"text\":\"virtual machine\"}]"
      if (disks) printf ",\"tables\":[{\"title\":\"Disks\",\"columns\":[\"Name\",\"Size\",\"Kind\",\"Model\"],\"rows\":[%s]}]", rows
      print "}}"
    }'
}

# ---- The system, as free JSON ------------------------------------------------------------------------------------
# What differs at every call stands under two members, /generated_at and /volatile, which the configuration names in
# `content.ignore`: it is shown, but it alone never causes a write.

system() {
  os=$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null || :)
  {
    cat_proc uptime | sed 's/^/uptime /'
    cat_proc loadavg | sed 's/^/load /'
    cat_proc meminfo | sed -n 's/^MemAvailable:/available/p'
    file_systems | sed 's/^/file_system /'
  } | ID=$system_id HOST=$hostname OS=$os KERNEL=$(uname -r) MACHINE=$(uname -m) NOW=$(date -u +%Y-%m-%dT%H:%M:%SZ) awk "$functions"'
    $1 == "uptime"      { volatile = volatile sprintf(",\"uptime_seconds\":%d", $2) }
    $1 == "load"        { volatile = volatile sprintf(",\"load\":[%s,%s,%s]", $2, $3, $4) }
    $1 == "available"   { volatile = volatile sprintf(",\"memory_available_mib\":%d", $2 / 1024) }
    $1 == "file_system" && NF >= 9 {
      mount = $9; for (i = 10; i <= NF; i++) mount = mount " " $i
      systems = systems (n++ ? "," : "") "{\"mount\":" json(mount) ",\"type\":" json($2) ",\"size_mib\":" int($5 / 1024)  \
        ",\"read_only\":" ($3 ~ /^ro(,|$)/ ? "true" : "false") "}"
      used = used (n > 1 ? "," : "") json(mount) ":" ($8 + 0)
    }
    END {
      printf "{\"id\":%s,\"content_type\":\"application/json\",\"content\":{", json(ENVIRON["ID"])
      printf "\"hostname\":%s,\"os\":%s,\"kernel\":%s,", json(ENVIRON["HOST"]), json(ENVIRON["OS"]), json(ENVIRON["KERNEL"])
      printf "\"architecture\":%s,\"file_systems\":[%s],", json(ENVIRON["MACHINE"]), systems
      printf "\"generated_at\":%s,\"volatile\":{\"used_percent\":{%s}%s}}}\n", json(ENVIRON["NOW"]), used, volatile
    }'
}

# ---- Each network interface, as HTML -----------------------------------------------------------------------------
# Ralph numbers its Ethernet objects apart from assets, so their ids carry the model's name. Here the kernel's own
# index stands for Ralph's primary key.

interfaces() {
  { addresses | sed 's/^/address /'; links | sed 's/^/link /'; } | awk "$functions"'
    function row(name, value) { return "<tr><th>" name "</th><td>" value "</td></tr>" }
    $1 == "address" && $4 ~ /^inet/ { list[$3] = list[$3] "<li><code>" html($5) "</code></li>" }
    $1 == "link" {
      page = "<h3>" html($6) "</h3><table>" row("State", html($5)) row("MAC", "<code>" html($3) "</code>") row("MTU", html($4)) "</table>"
      page = page ($6 in list ? "<ul>" list[$6] "</ul>" : "<p>no address</p>")
      printf "{\"id\":%s,\"content_type\":\"text/html\",\"content\":%s}\n", json("assets.ethernet." $2), json(page)
    }'
}

machine
system
interfaces

# Only now is the snapshot complete. Without this line, whatever is missing would be taken for "not told", not "gone".
printf '{"end": true}\n'
