# All images: `docker buildx bake` builds them for the CPU, `docker buildx bake cuda` the three with
# PyTorch for NVIDIA's GPUs, `docker buildx bake --print` only shows what would be built.
# Each variable is set by an environment variable of its name.

variable "VERSION" {
  default = "0.1.0" # pyproject.toml's
}

variable "REGISTRY" {
  default = "" # such as "registry.example.com/"; the images of this machine have none
}

variable "REVISION" {
  default = "unknown" # of the sources: REVISION=$(git rev-parse HEAD)
}

variable "PYTHON_IMAGE" {
  default = "python:3.11.16-slim-trixie" # with @sha256:… for the very same base each time
}

group "default" {
  targets = ["gateway", "encoder", "library", "judge", "ledger", "client"]
}

group "cuda" {
  targets = ["encoder-cuda", "library-cuda", "judge-cuda"]
}

# PyTorch's CUDA wheels are of the same versions on other platforms, but nothing was tried there.
target "platform" {
  context   = "."
  platforms = ["linux/amd64"]
}

# The stages that the images share. None of them is an image of its own.
target "stage" {
  inherits   = ["platform"]
  matrix     = { stage = ["tools", "project", "runtime"] }
  name       = stage
  dockerfile = "executors/Dockerfile"
  target     = stage
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
  }
}

target "image" {
  inherits = ["platform"]
  contexts = {
    adjudicate-tools   = "target:tools"
    adjudicate-project = "target:project"
    adjudicate-runtime = "target:runtime"
  }
}

target "small" {
  inherits   = ["image"]
  matrix     = { room = ["gateway", "ledger"] }
  name       = room
  dockerfile = "executors/${room}/Dockerfile"
  tags       = ["${REGISTRY}adjudicate/${room}:${VERSION}"]
}

target "cpu" {
  inherits   = ["image"]
  matrix     = { room = ["encoder", "library", "judge"] }
  name       = room
  dockerfile = "executors/${room}/Dockerfile"
  args       = { TORCH = "cpu" }
  tags       = ["${REGISTRY}adjudicate/${room}:${VERSION}"]
}

target "with-cuda" {
  inherits   = ["image"]
  matrix     = { room = ["encoder", "library", "judge"] }
  name       = "${room}-cuda"
  dockerfile = "executors/${room}/Dockerfile"
  args       = { TORCH = "cuda" }
  tags       = ["${REGISTRY}adjudicate/${room}:${VERSION}-cuda"]
}

target "client" {
  inherits   = ["image"]
  dockerfile = "client/Dockerfile"
  tags       = ["${REGISTRY}adjudicate/client:${VERSION}"]
}
