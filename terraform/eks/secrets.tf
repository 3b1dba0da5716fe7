# What the overlay's ExternalSecrets read: JSON objects with the keys of the Kubernetes Secret of the same name.

ephemeral "random_password" "database" {
  length  = 40
  special = false # it stands in a URL
}

# ElastiCache has no write-only token yet: this one is in the state, which is why the state is encrypted.
resource "random_password" "cache" {
  length  = 40
  special = false
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:a new password is made by raising database_password_version; pods restart with it
  for_each = {
    database     = "SQLAlchemy URL of the database"
    redis        = "URLs of the cache: rate limits, verdicts"
    qdrant       = "Key of the Qdrant server: put in by hand"
    judge-server = "Key of the judge's server: put in by hand"
    webhook      = "Address of webhooks, and the secret that signs them"
  }

  name        = "${var.namespace}/${each.key}"
  description = each.value
  kms_key_id  = aws_kms_key.this.arn
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id = aws_secretsmanager_secret.this["database"].id

  secret_string_wo_version = var.database_password_version
  secret_string_wo = jsonencode({
    url = join("", [
      "postgresql+psycopg://${aws_db_instance.this.username}:${ephemeral.random_password.database.result}",
      "@${aws_db_instance.this.endpoint}/${aws_db_instance.this.db_name}?sslmode=verify-full&sslrootcert=/etc/adjudicate/database/ca.pem",
    ])
  })
}

resource "aws_secretsmanager_secret_version" "redis" {
  secret_id = aws_secretsmanager_secret.this["redis"].id

  secret_string = jsonencode({
    rates-url = "${local.cache_url}/0"
    cache-url = "${local.cache_url}/1"
  })
}

# As Standard Webhooks has them: 24 to 64 bytes in base64 behind a prefix. In no state, like the database's.
ephemeral "random_password" "webhook" {
  length  = 32
  special = false
}

resource "aws_secretsmanager_secret_version" "webhook" {
  secret_id = aws_secretsmanager_secret.this["webhook"].id

  secret_string_wo_version = var.webhook_version
  secret_string_wo = jsonencode({
    url    = var.webhook_url
    secret = "whsec_${base64encode(ephemeral.random_password.webhook.result)}"
  })
}

locals {
  cache_url = "rediss://:${random_password.cache.result}@${aws_elasticache_replication_group.this.primary_endpoint_address}:6379"
}
