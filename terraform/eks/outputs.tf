output "cluster_name" {
  description = "For `aws eks update-kubeconfig --name …`."
  value       = aws_eks_cluster.this.name
}

output "load_balancer" {
  description = "What the DNS record of `hostname` points to."
  value       = aws_lb.this.dns_name
}

output "autoscaler_role_arn" {
  description = "For the service account of the Cluster Autoscaler's chart."
  value       = aws_iam_role.service_account["autoscaler"].arn
}

output "registry" {
  description = "What stands before `adjudicate/gateway` and the other images."
  value       = local.registry
}

output "bucket" {
  description = "Weights under models/, pictures of reviewed ads under pictures/, ads and decisions of bulk jobs under bulk/."
  value       = aws_s3_bucket.this.bucket
}

output "cloud_env" {
  description = "The file k8s/overlays/cloud/cloud.env."
  value       = <<-ENV
    AWS_REGION=${var.region}
    REGISTRY=${local.registry}
    BUCKET=${aws_s3_bucket.this.bucket}
    DATA_CIDR=${local.data_cidr}
    ENCODER_ROLE_ARN=${aws_iam_role.service_account["encoder"].arn}
    GATEWAY_ROLE_ARN=${aws_iam_role.service_account["gateway"].arn}
    LEDGER_ROLE_ARN=${aws_iam_role.service_account["ledger"].arn}
    BULK_ROLE_ARN=${aws_iam_role.service_account["bulk"].arn}
    SECRETS_ROLE_ARN=${aws_iam_role.service_account["secrets"].arn}
    HOSTNAME=${var.hostname}
    QDRANT_URL=${var.qdrant_url}
    JUDGE_URL=${var.judge_url}
    JUDGE_MODEL=${var.judge_model}
  ENV
}

locals {
  registry = "${local.account}.dkr.ecr.${var.region}.amazonaws.com"
  # All data subnets, of up to four zones.
  data_cidr = cidrsubnet(var.vpc_cidr, 6, 4)
}
