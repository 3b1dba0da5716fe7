# Bottlerocket on all nodes: read-only root, no shell, and on GPU nodes driver and device plugin are in the image.

locals {
  node_groups = {
    cpu = {
      ami_type       = "BOTTLEROCKET_x86_64"
      instance_types = var.cpu_instance_types
      capacity_type  = "ON_DEMAND"
      nodes          = var.cpu_nodes
    }
    gpu = {
      ami_type       = "BOTTLEROCKET_x86_64_NVIDIA"
      instance_types = var.gpu_instance_types
      capacity_type  = var.gpu_capacity_type
      nodes          = var.gpu_nodes
    }
  }
}

resource "aws_eks_node_group" "cpu" {
  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "cpu-"
  node_role_arn          = aws_iam_role.node.arn
  subnet_ids             = [for subnet in aws_subnet.private : subnet.id]
  ami_type               = local.node_groups.cpu.ami_type
  instance_types         = local.node_groups.cpu.instance_types
  capacity_type          = local.node_groups.cpu.capacity_type

  launch_template {
    id      = aws_launch_template.node["cpu"].id
    version = aws_launch_template.node["cpu"].latest_version
  }

  scaling_config {
    min_size     = local.node_groups.cpu.nodes.min
    max_size     = local.node_groups.cpu.nodes.max
    desired_size = local.node_groups.cpu.nodes.min
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

resource "aws_eks_node_group" "gpu" {
  count = var.gpu_nodes.max > 0 ? 1 : 0

  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "gpu-"
  node_role_arn          = aws_iam_role.node.arn
  subnet_ids             = [for subnet in aws_subnet.private : subnet.id]
  ami_type               = local.node_groups.gpu.ami_type
  instance_types         = local.node_groups.gpu.instance_types
  capacity_type          = local.node_groups.gpu.capacity_type

  # The overlays select by the label; the taint keeps everything else off the expensive nodes.
  labels = { "nvidia.com/gpu.present" = "true" }

  taint {
    key    = "nvidia.com/gpu"
    value  = "present"
    effect = "NO_SCHEDULE"
  }

  launch_template {
    id      = aws_launch_template.node["gpu"].id
    version = aws_launch_template.node["gpu"].latest_version
  }

  scaling_config {
    min_size     = local.node_groups.gpu.nodes.min
    max_size     = local.node_groups.gpu.nodes.max
    desired_size = local.node_groups.gpu.nodes.min
  }

  update_config {
    max_unavailable = 1
  }

  node_repair_config {
    enabled = true
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [scaling_config[0].desired_size]
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
