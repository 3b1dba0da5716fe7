terraform {
  # 1.11: write-only arguments, so that the database's password is in no state file.
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7, < 4.0" # ephemeral passwords
    }
  }

  # Where the state lies is for `terraform init -backend-config=…` to say: docs/cloud.md.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ Project = "adjudicate", Environment = var.name }, var.tags)
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  # `arn:aws`, `arn:aws-cn` and so on.
  arn = "arn:${data.aws_partition.this.partition}"
}
