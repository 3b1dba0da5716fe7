# One bucket: models/ has weights, pictures/ those of ads that were reviewed, bulk/ the ads and decisions of
# `adjudicate review s3://…`.

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:a second region is a choice of its own; versions protect against mistakes
  #checkov:skip=CKV2_AWS_62:nothing waits for events of this bucket
  bucket = "${var.name}-${local.account}-${var.region}"
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_144:access logs of one region
  #checkov:skip=CKV_AWS_18:the bucket of access logs does not log itself
  #checkov:skip=CKV_AWS_145:S3 delivers access logs only to buckets with its own key (SSE-S3)
  #checkov:skip=CKV_AWS_21:logs are written once
  #checkov:skip=CKV2_AWS_62:nothing waits for events of this bucket
  bucket = "${var.name}-${local.account}-${var.region}-logs"
}

locals {
  buckets = { data = aws_s3_bucket.this, logs = aws_s3_bucket.logs }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true # one call to KMS for many objects

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_logging" "this" {
  bucket        = aws_s3_bucket.this.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "access/"
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "ads"
    status = var.ads_expire_days > 0 ? "Enabled" : "Disabled"

    filter {
      prefix = "bulk/"
    }

    expiration {
      days = max(var.ads_expire_days, 1)
    }
  }

  # The ledger deletes pictures, by age or because somebody asked for it (docs/records.md). In a bucket with
  # versions they would be there all the same, for the 30 days of the rule below.
  rule {
    id     = "pictures"
    status = "Enabled"

    filter {
      prefix = "pictures/"
    }

    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "old"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "OnlyTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? [1] : []

    content {
      sid       = "AccessLogs"
      actions   = ["s3:PutObject"]
      resources = ["${each.value.arn}/access/*"]

      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}
