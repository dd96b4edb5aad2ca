# data.jq: the configuration's `data` -> the options of the programs that read X-rays, quoted for the shell.

def flag($given; $text): if $given then [$text] else [] end;
def words: flatten | map(tostring) | join(" ");
def quoted: if type == "array" then map(quoted) | join(" ") elif . == "" or type != "string" then . else @sh end;
def option($name; $value): flag($value != ""; [$name, ($value | quoted)]);
def labels: option("--labels"; .labels), option("--masks"; .masks);
def size: option("--size"; .size);
def decode_train: [ (.train | quoted), labels, "--unlabelled drop", size, "--on-error", ."on-error" ] | words;
def decode_test: [ (.test | quoted), option("--ids"; .ids),
  flag(.ids == "" and .unlabelled == "test"; [labels, "--unlabelled only"]), "--on-error", ."on-error" ] | words;
def survey: [ (.train | quoted), labels, flag(.ids == "" and .unlabelled == "test"; "--unlabelled test"),
  flag(.ids != "" or .unlabelled != "test"; .test | map(["--test", quoted])), option("--ids"; .ids), size,
  "--on-error", ."on-error" ] | words;
