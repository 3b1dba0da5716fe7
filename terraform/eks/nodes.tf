# Bottlerocket on all nodes: read-only root, no shell, and on GPU nodes driver and device plugin are in the image.

locals {
  node_groups = {
    cpu = {
      ami_type       = "BOTTLEROCKET_x86_64"
      instance_types = var.cpu_instance_types
      capacity_type  = "ON_DEMAND"
      nodes          = var.cpu_nodes
      labels         = {}
      taints         = {}
    }
    gpu = {
      ami_type       = "BOTTLEROCKET_x86_64_NVIDIA"
      instance_types = var.gpu_instance_types
      capacity_type  = var.gpu_capacity_type
      nodes          = var.gpu_nodes
      # The overlays select by the label; the taint keeps everything else off the expensive nodes.
      labels = { "nvidia.com/gpu.present" = "true" }
      taints = { "nvidia.com/gpu" = "present" }
    }
  }
}

resource "aws_eks_node_group" "this" {
  for_each = { for name, group in local.node_groups : name => group if group.nodes.max > 0 }

  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "${each.key}-"
  node_role_arn          = aws_iam_role.node.arn
  subnet_ids             = [for subnet in aws_subnet.private : subnet.id]
  ami_type               = each.value.ami_type
  instance_types         = each.value.instance_types
  capacity_type          = each.value.capacity_type
  labels                 = each.value.labels

  dynamic "taint" {
    for_each = each.value.taints
    content {
      key    = taint.key
      value  = taint.value
      effect = "NO_SCHEDULE"
    }
  }

  launch_template {
    id      = aws_launch_template.node[each.key].id
    version = aws_launch_template.node[each.key].latest_version
  }

  scaling_config {
    min_size     = each.value.nodes.min
    max_size     = each.value.nodes.max
    desired_size = each.value.nodes.min
  }

  update_config {
    max_unavailable = 1
  }

  node_repair_config {
    enabled = true
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [scaling_config[0].desired_size] # the Cluster Autoscaler's
  }

  depends_on = [aws_eks_addon.network, aws_iam_role_policy_attachment.node]
}

resource "aws_launch_template" "node" {
  for_each = local.node_groups

  name_prefix            = "${var.name}-${each.key}-"
  update_default_version = true

  block_device_mappings {
    device_name = "/dev/xvdb" # Bottlerocket's data volume: images, logs, ephemeral storage

    ebs {
      volume_size           = var.node_disk_gib[each.key]
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # a pod cannot take the node's role
  }

  monitoring {
    enabled = true
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-${each.key}" }
  }
}

resource "aws_iam_role" "node" {
  name_prefix        = "${var.name}-node-"
  assume_role_policy = data.aws_iam_policy_document.assume["ec2"].json
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "${local.arn}:iam::aws:policy/${each.value}"
}
