# All images in one build:  docker buildx bake        (--print shows what it would do)
# The programs are compiled in one stage that the six share, once a platform.
variable "REPOSITORY" { default = "ghcr.io/cinemaabyss/cinemaabyss" }
variable "VERSION" { default = "0.1.0" }
variable "REVISION" { default = "unknown" }
variable "TAGS" { default = "0.1.0" } # several separated by commas

group "default" { targets = ["image"] }

target "image" {
  matrix = {
    image = [
      { name = "proxy-service", bin = "gateway" },
      { name = "monolith", bin = "monolith" },
      { name = "movies-service", bin = "movies" },
      { name = "users-service", bin = "users" },
      { name = "payments-service", bin = "payments" },
      { name = "events-service", bin = "events" },
    ]
  }
  name      = image.name
  context   = "."
  args      = { BIN = image.bin, VERSION = VERSION, REVISION = REVISION }
  labels    = { "org.opencontainers.image.source" = "https://github.com/${trimprefix(REPOSITORY, "ghcr.io/")}" }
  tags      = [for tag in split(",", TAGS) : "${REPOSITORY}/${image.name}:${tag}"]
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,mode=max", "type=sbom"]
}
