# IAM roles for Kubernetes service accounts (IRSA): a pod gets what its own account may, and nothing of its node's.

resource "aws_iam_openid_connect_provider" "cluster" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  issuer = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")

  # The second is the next version's, while two run side by side: docs/operations.md.
  namespaces = [var.namespace, "${var.namespace}-next"]

  # Library and judge call no AWS API, so they have no role.
  service_accounts = {
    gateway    = { namespaces = local.namespaces, account = "gateway" }
    encoder    = { namespaces = local.namespaces, account = "encoder" }
    ledger     = { namespaces = local.namespaces, account = "ledger" }
    bulk       = { namespaces = local.namespaces, account = "bulk" }
    secrets    = { namespaces = local.namespaces, account = "secrets" }
    vpc-cni    = { namespaces = ["kube-system"], account = "aws-node" }
    ebs-csi    = { namespaces = ["kube-system"], account = "ebs-csi-controller-sa" }
    autoscaler = { namespaces = ["kube-system"], account = "cluster-autoscaler" }
  }

  # What AWS itself maintains.
  managed_policies = {
    vpc-cni = "AmazonEKS_CNI_Policy"
    ebs-csi = "service-role/AmazonEBSCSIDriverPolicy"
  }
}

resource "aws_iam_role" "service_account" {
  for_each = local.service_accounts

  name_prefix        = substr("${var.name}-${each.key}-", 0, 38)
  assume_role_policy = data.aws_iam_policy_document.service_account[each.key].json
}

data "aws_iam_policy_document" "service_account" {
  for_each = local.service_accounts

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.cluster.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [for namespace in each.value.namespaces : "system:serviceaccount:${namespace}:${each.value.account}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "service_account" {
  for_each = local.managed_policies

  role       = aws_iam_role.service_account[each.key].name
  policy_arn = "${local.arn}:iam::aws:policy/${each.value}"
}

resource "aws_iam_role_policy" "encoder" {
  role   = aws_iam_role.service_account["encoder"].id
  policy = data.aws_iam_policy_document.encoder.json
}

data "aws_iam_policy_document" "encoder" {
  statement {
    sid       = "Weights"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.this.arn}/models/*"]
  }

  statement {
    sid       = "WeightsList"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["models/*"]
    }
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

# Pictures of ads: the gateway writes and shows them, the ledger looks which are there and deletes them.
resource "aws_iam_role_policy" "pictures" {
  for_each = local.pictures

  role   = aws_iam_role.service_account[each.key].id
  policy = data.aws_iam_policy_document.pictures[each.key].json
}

locals {
  pictures = {
    gateway = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    ledger  = ["s3:GetObject", "s3:DeleteObject"]
  }
}

data "aws_iam_policy_document" "pictures" {
  for_each = local.pictures

  statement {
    sid       = "Pictures"
    actions   = each.value
    resources = ["${aws_s3_bucket.this.arn}/pictures/*"]
  }

  # Without it, one that is not there is answered as forbidden. Asking for one has no prefix: hence IfExists.
  statement {
    sid       = "PicturesList"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this.arn]

    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["pictures/*"]
    }
  }

  statement {
    sid       = "Crypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "bulk" {
  role   = aws_iam_role.service_account["bulk"].id
  policy = data.aws_iam_policy_document.bulk.json
}

data "aws_iam_policy_document" "bulk" {
  statement {
    sid       = "Ads"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.this.arn}/bulk/*"]
  }

  statement {
    sid       = "AdsList"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["bulk/*"]
    }
  }

  statement {
    sid       = "Crypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "secrets" {
  role   = aws_iam_role.service_account["secrets"].id
  policy = data.aws_iam_policy_document.secrets.json
}

data "aws_iam_policy_document" "secrets" {
  statement {
    sid       = "Read"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = [for secret in aws_secretsmanager_secret.this : secret.arn]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "autoscaler" {
  role   = aws_iam_role.service_account["autoscaler"].id
  policy = data.aws_iam_policy_document.autoscaler.json
}

data "aws_iam_policy_document" "autoscaler" {
  # These actions take no resource: AWS answers them for the account or not at all.
  #checkov:skip=CKV_AWS_356:read-only calls that cannot be bound to a resource
  statement {
    sid = "Look"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "autoscaling:DescribeTags",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "LookAtGroups"
    actions   = ["eks:DescribeNodegroup"]
    resources = ["${local.arn}:eks:${var.region}:${local.account}:nodegroup/${var.name}/*"]
  }

  statement {
    sid       = "Scale"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["${local.arn}:autoscaling:${var.region}:${local.account}:autoScalingGroup:*"]

    condition { # EKS tags the groups of this cluster so
      test     = "StringEquals"
      variable = "aws:ResourceTag/eks:cluster-name"
      values   = [var.name]
    }
  }
}

# Who may take the roles of AWS' own services.
data "aws_iam_policy_document" "assume" {
  for_each = toset(["eks", "ec2", "vpc-flow-logs", "monitoring.rds"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
  }
}
