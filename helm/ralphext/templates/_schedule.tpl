{{/* Judges the schedule of a CronJob, as `ralphext check --schedule` does, or a little more strictly. */}}

{{/* Seconds of a duration such as "1h 30m". Takes the text. */}}
{{- define "ralphext.seconds" -}}
{{- $units := dict "s" 1 "sec" 1 "secs" 1 "second" 1 "seconds" 1 "m" 60 "min" 60 "mins" 60 "minute" 60 "minutes" 60 }}
{{- $units = merge $units (dict "h" 3600 "hr" 3600 "hrs" 3600 "hour" 3600 "hours" 3600 "d" 86400 "day" 86400 "days" 86400) }}
{{- $units = merge $units (dict "w" 604800 "wk" 604800 "wks" 604800 "week" 604800 "weeks" 604800 "month" 2630016 "months" 2630016) }}
{{- $units = merge $units (dict "y" 31557600 "yr" 31557600 "yrs" 31557600 "year" 31557600 "years" 31557600) }}
{{- $sum := 0 }}
{{- range $part := regexFindAll "[0-9]+ *[A-Za-z]+" . -1 }}
{{- $unit := regexFind "[A-Za-z]+" $part }}
{{- $sum = add $sum (mul (regexFind "[0-9]+" $part | int64) (get $units $unit | default 0)) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/* The values that a field lets through, in order, as JSON. Takes a dict: text, low, high, words. */}}
{{- define "ralphext.cron.field" -}}
{{- $found := list }}
{{- $f := . }}
{{- range $part := splitList "," .text }}
{{- $pieces := splitList "/" $part }}
{{- $range := first $pieces }}
{{- $step := 1 }}
{{- if gt (len $pieces) 1 }}
{{- $step = index $pieces 1 | int }}
{{- end }}
{{- $from := $f.low }}
{{- $to := $f.high }}
{{- if not (has $range (list "*" "?")) }}
{{- $ends := splitList "-" $range }}
{{- $from = include "ralphext.cron.number" (dict "text" (first $ends) "words" $f.words "low" $f.low) | int }}
{{- if gt (len $ends) 1 }}
{{- $to = include "ralphext.cron.number" (dict "text" (last $ends) "words" $f.words "low" $f.low) | int }}
{{- else if eq (len $pieces) 1 }}
{{- $to = $from }}
{{- end }}
{{- end }}
{{- if or (lt $step 1) (lt $from $f.low) (gt $to $f.high) (gt $from $to) }}
{{- fail (printf "schedule: %q is not understood: write five fields, such as */15 * * * *" $part) }}
{{- end }}
{{- range $value := untilStep $from (int (add $to 1)) $step }}
{{- $found = append $found $value }}
{{- end }}
{{- end }}
{{- $sorted := list }}
{{- range $value := untilStep (int .low) (int (add .high 1)) 1 }}
{{- if has $value $found }}
{{- $sorted = append $sorted $value }}
{{- end }}
{{- end }}
{{- $sorted | toJson }}
{{- end }}

{{- define "ralphext.cron.number" -}}
{{- $text := lower .text }}
{{- $number := $text }}
{{- range $at, $word := .words }}
{{- if eq $word $text }}
{{- $number = add $at $.low | toString }}
{{- end }}
{{- end }}
{{- if not (regexMatch "^[0-9]+$" $number) }}
{{- fail (printf "schedule: %q is no number" .text) }}
{{- end }}
{{- $number }}
{{- end }}

{{/* The widest step in a ring of numbers. Takes a dict: list, round (what comes after the last before the first again). */}}
{{- define "ralphext.cron.widest" -}}
{{- $widest := sub (add .round (first .list)) (last .list) }}
{{- $before := first .list }}
{{- range $value := rest .list }}
{{- $widest = max $widest (sub $value $before) }}
{{- $before = $value }}
{{- end }}
{{- $widest }}
{{- end }}

{{/* The longest pause between two runs, in minutes; where months are named, it may be too long by some days. */}}
{{- define "ralphext.cron.pause" -}}
{{- $named := dict "@yearly" "0 0 1 1 *" "@annually" "0 0 1 1 *" "@monthly" "0 0 1 * *" "@weekly" "0 0 * * 0" "@daily" "0 0 * * *" }}
{{- $named = merge $named (dict "@midnight" "0 0 * * *" "@hourly" "0 * * * *") }}
{{- $text := trim . }}
{{- $text = get $named $text | default $text }}
{{- if hasPrefix "@every " $text }}
{{- div (add 59 (include "ralphext.seconds" (trimPrefix "@every " $text) | int64)) 60 }}
{{- else }}
{{- $fields := regexSplit " +" $text -1 }}
{{- if ne (len $fields) 5 }}
{{- fail (printf "schedule: %q has %d fields, not five: write such as */15 * * * *" . (len $fields)) }}
{{- end }}
{{- $months := list "jan" "feb" "mar" "apr" "may" "jun" "jul" "aug" "sep" "oct" "nov" "dec" }}
{{- $weekdays := list "sun" "mon" "tue" "wed" "thu" "fri" "sat" }}
{{- $minutes := include "ralphext.cron.field" (dict "text" (index $fields 0) "low" 0 "high" 59 "words" list) | fromJsonArray }}
{{- $hours := include "ralphext.cron.field" (dict "text" (index $fields 1) "low" 0 "high" 23 "words" list) | fromJsonArray }}
{{- $days := include "ralphext.cron.field" (dict "text" (index $fields 2) "low" 1 "high" 31 "words" list) | fromJsonArray }}
{{- $month := include "ralphext.cron.field" (dict "text" (index $fields 3) "low" 1 "high" 12 "words" $months) | fromJsonArray }}
{{- $week := include "ralphext.cron.field" (dict "text" (index $fields 4) "low" 0 "high" 7 "words" $weekdays) | fromJsonArray }}
{{- /* Months end with 28 to 31: how far it is from the last day to the first one of the next. Without a day up to 28, that next
month may have none, and the widest is from 31 March to 31 May, say. */}}
{{- $byDay := 62 }}
{{- if le (int (first $days)) 28 }}
{{- $byDay = 0 }}
{{- range $length := list 28 29 30 31 }}
{{- $inMonth := list }}
{{- range $day := $days }}
{{- if le (int $day) $length }}
{{- $inMonth = append $inMonth $day }}
{{- end }}
{{- end }}
{{- $byDay = max $byDay (include "ralphext.cron.widest" (dict "list" $inMonth "round" $length) | int) }}
{{- end }}
{{- end }}
{{- $isStar := dict }}
{{- range $at := list 2 4 }}
{{- $_ := set $isStar (toString $at) (regexMatch "(^|,)[*?](/1)?(,|$)" (index $fields $at)) }}
{{- end }}
{{- $byWeek := include "ralphext.cron.widest" (dict "list" $week "round" 7) | int }}
{{- if and (has 7.0 $week) (ne (int (first $week)) 0) }}
{{- $byWeek = include "ralphext.cron.widest" (dict "list" (prepend (initial $week) 0) "round" 7) | int }}
{{- end }}
{{- $widest := 1 }}
{{- if and (get $isStar "2") (get $isStar "4") }}
{{- $widest = 1 }}
{{- else if get $isStar "2" }}
{{- $widest = $byWeek }}
{{- else if get $isStar "4" }}
{{- $widest = $byDay }}
{{- else }}
{{- $widest = min $byDay $byWeek }}
{{- end }}
{{- $monthly := include "ralphext.cron.widest" (dict "list" $month "round" 12) | int }}
{{- if gt $monthly 1 }}
{{- $widest = add $widest (mul 31 $monthly) }}
{{- if gt (int (first $days)) 28 }}
{{- /* 29 February comes every eight years at worst. */}}
{{- $widest = 3000 }}
{{- end }}
{{- end }}
{{- $within := include "ralphext.cron.widest" (dict "list" $minutes "round" (first $minutes)) | int }}
{{- $betweenHours := 0 }}
{{- if gt (len $hours) 1 }}
{{- $hourly := include "ralphext.cron.widest" (dict "list" $hours "round" (sub (last $hours) (first $hours))) | int }}
{{- $betweenHours = sub (add (mul 60 $hourly) (first $minutes)) (last $minutes) }}
{{- end }}
{{- $first := add (mul 60 (first $hours)) (first $minutes) }}
{{- $last := add (mul 60 (last $hours)) (last $minutes) }}
{{- max $within $betweenHours (sub (add (mul 1440 $widest) $first) $last) }}
{{- end }}
{{- end }}

{{/* Fails unless the keys of a CronJob outlast a run that fails. Takes a dict: root, name. */}}
{{- define "ralphext.schedule" -}}
{{- $s := include "ralphext.settings" . | fromYaml }}
{{- if not $s.schedule }}
{{- fail (printf "services.%s is a CronJob without a schedule: set services.%s.schedule" .name .name) }}
{{- end }}
{{- /* What is in an image cannot be seen from here: there the init container judges alone. */}}
{{- if not $s.extension.config }}
{{- $ttl := dig "content" "ttl" "24h" $s.config }}
{{- $least := mul 120 (include "ralphext.cron.pause" $s.schedule | int64) }}
{{- if lt (include "ralphext.seconds" $ttl | int64) $least }}
{{- fail (printf "services.%s: content.ttl = %s does not outlast one failed run on the schedule %q: set services.%s.config.content.ttl to %dm or more, or let it run more often" .name $ttl $s.schedule .name (div $least 60)) }}
{{- end }}
{{- with include "ralphext.isOf" (dict "s" $s "kinds" (list "stream" "push" "events" "stdin")) }}
{{- fail (printf "services.%s: a CronJob runs once, and a source of the kind %q has no end: use Deployment or StatefulSet" $.name .) }}
{{- end }}
{{- end }}
{{- $s.schedule }}
{{- end }}
