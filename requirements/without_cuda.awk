# Requirements without CUDA's packages: `awk -f requirements/without_cuda.awk requirements.txt`.
# PyTorch without CUDA comes from PyTorch's own index, whose wheels have other hashes than those that
# the file states: torch and torchvision keep their versions and lose the hashes, all others keep both.
# nvidia-ml-py stays: it asks the driver, where there is one, and needs no CUDA.

/^[^ #]/ {
  name = $1
  sub(/[^a-z0-9_.-].*/, "", name)
  # nvidia-ml-py only asks a driver, if there is one; every room imports it.
  dropped = name ~ /^(nvidia-|cuda-|triton$)/ && name != "nvidia-ml-py"
  unhashed = name == "torch" || name == "torchvision"
  if (unhashed) sub(/ \\$/, "")
}
dropped || (unhashed && /--hash=/) { next }
{ print }
