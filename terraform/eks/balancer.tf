# TCP all the way: TLS ends in the cluster, so that gRPC, HTTP and WebSocket pass alike.

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:a network load balancer takes no web ACL; the gateway limits rates and sizes itself
  #checkov:skip=CKV_AWS_91:access logs of a network load balancer need a TLS listener; the gateway logs each request
  name_prefix        = substr(var.name, 0, 6)
  load_balancer_type = "network"
  internal           = var.load_balancer_internal
  subnets            = [for subnet in(var.load_balancer_internal ? aws_subnet.private : aws_subnet.public) : subnet.id]
  security_groups    = [aws_security_group.balancer.id]

  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
}

resource "aws_lb_listener" "tls" {
  #checkov:skip=CKV_AWS_2:TLS is passed through and ends in the cluster
  #checkov:skip=CKV_AWS_103:TLS is passed through and ends in the cluster, where 1.2 is the least
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.tls.arn
  }
}

resource "aws_lb_target_group" "tls" {
  name_prefix = substr(var.name, 0, 6)
  vpc_id      = aws_vpc.this.id
  port        = var.ingress_node_port
  protocol    = "TCP"
  target_type = "instance"

  # A node that leaves finishes what it has: longer than the gateway drains.
  deregistration_delay = 60

  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_autoscaling_attachment" "cpu" {
  #checkov:skip=CKV2_AWS_15:EKS replaces broken nodes by the kubelet's word; a node without the entry point's pod is healthy
  autoscaling_group_name = aws_eks_node_group.this["cpu"].resources[0].autoscaling_groups[0].name
  lb_target_group_arn    = aws_lb_target_group.tls.arn
}

resource "aws_security_group" "balancer" {
  name_prefix = "${var.name}-balancer-"
  description = "The service's load balancer"
  vpc_id      = aws_vpc.this.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = toset(var.client_cidrs)

  security_group_id = aws_security_group.balancer.id
  description       = "Clients"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "to_nodes" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "The nodes' TLS entry point"
  referenced_security_group_id = local.nodes_security_group
  ip_protocol                  = "tcp"
  from_port                    = var.ingress_node_port
  to_port                      = var.ingress_node_port
}

resource "aws_vpc_security_group_ingress_rule" "from_balancer" {
  security_group_id            = local.nodes_security_group
  description                  = "Load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.ingress_node_port
  to_port                      = var.ingress_node_port
}

locals {
  # EKS makes it, and puts every node of a managed group into it.
  nodes_security_group = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
