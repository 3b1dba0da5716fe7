# Verdicts and rate limits. Nothing here is missed after a loss: verdicts are judged again, limits begin anew.

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:fails over with two nodes, the default; one is a choice, and what it holds can be lost
  replication_group_id = var.name
  description          = "Verdicts and rate limits of ${var.name}"
  engine               = "valkey"
  engine_version       = "8.0"
  node_type            = var.cache_node_type
  num_cache_clusters   = var.cache_nodes
  parameter_group_name = aws_elasticache_parameter_group.this.name

  automatic_failover_enabled = var.cache_nodes > 1
  multi_az_enabled           = var.cache_nodes > 1
  auto_minor_version_upgrade = true

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.cache.id]

  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  transit_encryption_enabled = true
  auth_token                 = random_password.cache.result
}

resource "aws_elasticache_parameter_group" "this" {
  name        = var.name
  family      = "valkey8"
  description = "A cache: the least recently used goes first"

  parameter {
    name  = "maxmemory-policy"
    value = "allkeys-lru"
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = [for subnet in aws_subnet.data : subnet.id]
}

resource "aws_security_group" "cache" {
  name_prefix = "${var.name}-cache-"
  description = "Verdicts and rate limits"
  vpc_id      = aws_vpc.this.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "cache" {
  security_group_id            = aws_security_group.cache.id
  description                  = "Nodes"
  referenced_security_group_id = local.nodes_security_group
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}
