#!/usr/bin/env bats
# events: TensorBoard's bytes, curves that grow, logs that are begun again, what is no log.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    jq -n -c 'range(1; 6) | {iteration: ., loss: (3 / .), rate: 0.1, images_per_second: 9, time: (1700000000.25 + .)},
        (select(. % 2 == 0) | {iteration: ., dice: (. / 8), best: true, memory_mib: 900, time: (1700000000.5 + .)})' >log
}

# frames <EVENTS: whether each record's checksums are right, and how many records there are. CRC32C (RFC 3720, B.4) bit by bit.
frames() {
    /usr/bin/python3 -c '
import struct, sys
def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
data, count = sys.stdin.buffer.read(), 0
while data:
    length, check = struct.unpack("<QI", data[:12])
    assert check == masked(data[:8]) and len(data) >= 16 + length
    assert struct.unpack("<I", data[12 + length:16 + length])[0] == masked(data[12:12 + length])
    data, count = data[16 + length:], count + 1
print(count)'
}

@test "a log becomes the bytes that TensorBoard's own writer makes of it; the same each time" {
    # Made by tensorboard 2.21: brain.Event:2, then loss 2.5 and rate 0.1 at step 1, both at 1700000000.25
    echo 1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9\
2700000000000000bbe1b1460900001040fc54d94110012a1a0a0b0a046c6f737315000020400a0b0a047261746515cdcccc3d7c1f0d5b >wanted
    echo '{"iteration":1,"loss":2.5,"rate":0.1,"best":true,"time":1700000000.25}' | events >found
    [ "$(od -A n -v -t x1 found | tr -d ' \n')" = "$(cat wanted)" ]
    events log -o events.out.tfevents.0
    [ "$(frames <events.out.tfevents.0)" = 8 ]
    cmp events.out.tfevents.0 <(events - <log)
    # Without times they are 0: nothing of this moment comes in.
    jq -c 'del(.time)' log | events >timeless
    [ "$(frames <timeless)" = 8 ]
    no cmp -s timeless events.out.tfevents.0
    sleep 0.1
    cmp timeless <(jq -c 'del(.time)' log | events)
}

@test "TensorBoard reads the curves" {
    for python in python3 /usr/bin/python3 none; do
        $python -c 'import tensorboard' 2>/dev/null && break
    done
    [ $python != none ] || skip "python3 with tensorboard absent"
    mkdir run && events log -o run/events.out.tfevents.0
    $python - run 2>said <<'END' | jq -c 'sort' >read || { cat said; false; }
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
run = EventAccumulator(sys.argv[1])
run.Reload()
tags = run.Tags()
scalars = {tag: [(e.step, e.value, e.wall_time) for e in run.Scalars(tag)] for tag in tags["scalars"]}
scalars.update({tag: [(e.step, float(e.tensor_proto.float_val[0]), e.wall_time) for e in run.Tensors(tag)] for tag in tags["tensors"]})
print(json.dumps([[tag, *point] for tag, points in scalars.items() for point in points]))
END
    jq -s -c '[.[] | . as $line | to_entries[] | select((.value | type == "number") and (.key | IN("iteration", "time") | not))
        | [.key, $line.iteration, .value, $line.time]] | sort' log >wanted
    jq -n -e --slurpfile read read --slurpfile wanted wanted 'def close($a; $b): ($a - $b | fabs) <= 1e-6 * ($b | fabs);
        ($wanted[0] | length) == 19 and ($read[0] | length) == 19
        and all(range(19); . as $i | $read[0][$i] as $r | $wanted[0][$i] as $w
            | $r[0] == $w[0] and $r[1] == $w[1] and close($r[2]; $w[2]) and $r[3] == $w[3])'
}

@test "a line is written on before the next one comes" {
    mkfifo lines
    timeout 200 events <lines >grown &
    exec 7>lines
    head -n 1 log >&7
    has_two() { [ -s grown ] && [ "$(frames <grown)" = 2 ]; }
    eventually has_two
    tail -n +2 log >&7
    exec 7>&-
    wait $!
    cmp grown <(events log)
}

@test "half a line is left out, and so are values that were there before" {
    { cat log && printf '{"iteration":6,"lo'; } >cut
    events cut -o cut.events 2>said
    grep -q "cut: line 8 has no end" said
    cmp cut.events <(events log)
    { cat log && tail -n 3 log && echo '{"iteration":6,"loss":0.1}'; } >again
    events again -o again.events 2>said
    grep -q "again: 8 values are of iterations that were there before" said
    [ "$(frames <again.events)" = 9 ]
    cmp <(head -c "$(stat -c %s cut.events)" again.events) cut.events
    [ -z "$(events -q again 2>&1 >/dev/null)" ]
}

@test "what is no log is an error that names the line, and leaves no file" {
    fails 1 "nothing: No such file" events nothing -o out
    : >empty
    fails 1 "empty: no line" events empty -o out
    wrong() { # wrong LINE WORDS
        { head -n 2 log && printf '%b\n' "$1"; } >bad
        fails 1 "bad: line 3 $2" events bad -o out
    }
    wrong '' "is not JSON"
    wrong 'x' "is not JSON, at its byte"
    wrong '[1]' "is not an object with a whole 'iteration'"
    wrong '{"loss":1}' "is not an object with a whole 'iteration'"
    wrong '{"iteration":1.5}' "is not an object with a whole 'iteration'"
    wrong '{"iteration":-1}' "is not an object with a whole 'iteration'"
    wrong '{"iteration":9,"loss":1,"loss":2}' "is not JSON"
    wrong '{"iteration":9,"loss":nan}' "is not JSON"
    wrong '{"iteration":9,"loss":1e39}' "'loss' is 1e+39, which float cannot hold"
    wrong '{"iteration":9,"time":"now"}' "'time' is not a number"
    wrong '{"iteration":9}\x00' "is not JSON"
    wrong "$(jq -n -c '[range(65)] | map({"v\(.)": 1}) | add + {iteration: 9}')" "has more than 64 numbers"
    { head -n 2 log && jq -n -c 'range(3; 10) as $k | [range(40)] | map({"v\(. + 40 * $k)": 1}) | add + {iteration: $k}'; } >bad
    fails 1 "bad: line 9 begins curve 257" events bad -o out
    { head -c 65536 /dev/zero | tr '\0' ' ' && cat log; } >long
    fails 1 "long: line 1 is longer than 65536 bytes" events long -o out
    [ ! -e out ]
}
