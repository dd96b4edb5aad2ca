# completion.jq: a program's table of options (`$program --options`) as the arrays of completion.bash.
def takes_value: .type != "flag";
def value: if .type == "choice" then .choices | join(" ") elif .type | IN("file", "files") then .type else "" end;

"_pleura_options[\($program)]=\(keys_unsorted | map("--" + .) | join(" ") | @sh)",
(to_entries[] | select(.value | takes_value)
  | ("--" + .key, if .value.letter then "-" + .value.letter else empty end) as $option
  | "_pleura_values[\("\($program) \($option)" | @sh)]=\(.value | value | @sh)")
