# truth.jq: samples, as inspect prints them -> a CSV of their run lengths, a row an annotation.
"ImageId,EncodedPixels",
(inputs | select(has("id")) | .id as $id
  | (.rle - ["-1"] | if . == [] then ["-1"] else . end)[] | [$id, .] | @csv)
