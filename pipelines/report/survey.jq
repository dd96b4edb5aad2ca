# survey.jq: what survey found, as rows of a table: [heading, of the training images, of the test images].
include "charts";

def set_text($set; f): if $set then $set | f else "" end;
def share($of): if $of > 0 then " (\(. / $of | percent))" else "" end;
# [{value, count}...], the most frequent first -> a line; one value needs no count
def kinds:
  if length == 1 then .[0].value
  else (if length > 3 then 2 else 3 end) as $n
    | (.[:$n] | map("\(.value) (\(.count | grouped))") | join(", "))
      + if length > $n then ", \(length - $n) others (\(.[$n:] | map(.count) | add | grouped))" else "" end end;
def lesions: if .labels.lesions == null then "" else "\(.labels.lesions | grouped)\(.labels | .images as $n | .lesions | share($n))" end;
def areas: .labels.area_share // null | if . == null then "" else
  "\(.median | percent), from \(.min | percent) to \(.max | percent)" end;
def amount: if . then grouped else "" end;

def survey_rows:
  .train as $train | .test as $test
  | def row($heading; f): [$heading, set_text($train; f), set_text($test; f)];
  row("images"; .images | grouped),
  row("format"; .formats | kinds),
  row("transfer syntax"; .transfer_syntaxes | kinds),
  row("height x width"; .sizes | kinds),
  row("bits"; .bits | kinds),
  row("photometric interpretation"; .photometric_interpretations | kinds),
  row("with a lesion"; lesions),
  row("area of the lesions, median"; areas),
  row("without labels"; .labels.without_labels? | amount),
  row("labels without an image"; .labels.without_image? | amount),
  row("left out for other reasons"; .left_out | map(.count) | add // 0 | grouped)
  | select(.[1:] | any(. != "" and . != "0"));

def survey_table: ["X-rays", "to train on", "to predict"], survey_rows | @tsv;
