#!/bin/sh
# install-requirements FILE: the packages of a room into /opt/venv, each checked by its hash.
#
# TORCH=cuda: PyTorch's wheels of PyPI, as FILE has them.
# TORCH=cpu:  those without CUDA, 4 GB less, from PyTorch's own index. FILE does not know their hashes,
#             so torch and torchvision alone are not checked; their versions are FILE's.
set -eu

file=$1
sync() {
  uv pip sync --python /opt/venv/bin/python --build-constraints requirements/build.txt "$@"
}

case "${TORCH:-cuda}" in
cuda)
  sync --require-hashes "$file"
  ;;
cpu)
  awk -f requirements/without_cuda.awk "$file" > /tmp/requirements.txt
  sync --torch-backend cpu /tmp/requirements.txt
  ;;
*)
  echo "TORCH is ${TORCH}; it can be cuda or cpu." >&2
  exit 1
  ;;
esac
# uv's, and open to all.
rm -f /opt/venv/.lock
