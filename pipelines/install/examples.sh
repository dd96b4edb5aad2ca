#!/usr/bin/env bash
# examples.sh README FOLDER: the pipelines of README.md as one script, for programs that are installed in FOLDER.
set -eu -o pipefail
cat <<END
#!/usr/bin/env bash
# The pipelines of Pleura's README, with made-up X-rays; they write into the folder where they are run.
set -eu -o pipefail
export PATH=${2@Q}:\$PATH
END
awk '/^```sh$/ { inside = 1; print ""; next } /^```$/ { inside = 0 } inside && !/^export PATH=/' "$1"
