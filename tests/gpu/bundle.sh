#!/usr/bin/env bash
# bundle.sh FOLDER LOADED: FOLDER/bin has programs, which load what the file LOADED needs; the rest of what the GPU check needs is
# put beside it:
#   lib/          the shared libraries that they need, save the machine's own: the C library's, the driver's, CUDA's and cuDNN's
#   tests/        the scripts and the figures of the GPU check
#   README        what the folder is; made last
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
own='^(linux-vdso|ld-linux-x86-64|lib(c|m|mvec|dl|pthread|resolv|rt|util|cuda|cudart|cudnn|cublas|cublasLt))\.so'
rm -rf "${folder:?}"/{lib,tests,README}
mkdir -p "$folder"/{lib,tests/gpu,tests/golden}
ldd "$folder"/bin/* "$2" | awk '$2 == "=>" {print $1, $3}' | sort -u | while read -r name path; do
    if [[ ! $name =~ $own ]]; then
        cp -L "$path" "$folder/lib/$name"
    fi
done
cp tests/gpu/{check,bench}.sh tests/gpu/*.py "$folder/tests/gpu/"
cp tests/golden/*net-*.json "$folder/tests/golden/"
cat >"$folder/README" <<'README'
Pleura's programs (bin/) with the libraries that they need (lib/), for a machine with a GPU, its driver, CUDA's libraries,
cuDNN 9 and Python: tests/gpu/check.sh tells whether the CUDA backend is right there, and how fast.
README
