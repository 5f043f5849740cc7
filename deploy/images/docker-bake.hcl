# docker buildx bake -f deploy/images/docker-bake.hcl: the images for both architectures, with provenance and a bill of
# materials from the builder beside our own (/app/bill-of-materials.json).
variable "REGISTRY" { default = "hindcast" }
variable "VERSION" { default = "dev" }
variable "REVISION" { default = "unknown" }
variable "BASE" { default = "debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241" }
variable "TOOLCHAIN" { default = "hindcast/toolchain" }

group "default" { targets = ["image"] }

target "build" {
  dockerfile = "deploy/images/build.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { TOOLCHAIN = TOOLCHAIN }
}

target "image" {
  name       = name
  matrix     = { name = ["coordinator", "rollout-agent", "index-core", "nats", "backup"] }
  dockerfile = "deploy/images/${name}.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  contexts   = { "hindcast/build" = "target:build" }
  args       = { BASE = BASE, VERSION = VERSION, REVISION = REVISION }
  tags       = ["${REGISTRY}/${name}:${VERSION}"]
  attest     = ["type=provenance,mode=max", "type=sbom"]
}
