# What an installation decides. docs/cloud.md has the same list as a table.

variable "region" {
  description = "AWS region of everything."
  type        = string
}

variable "name" {
  description = "Name of the installation, and prefix of what belongs to it."
  type        = string
  default     = "adjudicate"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "Use 2 to 24 lower-case letters, digits and hyphens, a letter first: bucket and load balancer names are made of it."
  }
}

variable "tags" {
  description = "Tags on everything, beside Project and Environment."
  type        = map(string)
  default     = {}
}

# --- who may reach it ---

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster. Nobody else does, not even who ran Terraform."
  type        = set(string)

  validation {
    condition     = length(var.admin_role_arns) > 0
    error_message = "Name one role at least, or nobody can reach the cluster."
  }
}

variable "endpoint_public_cidrs" {
  description = "Addresses that may reach the Kubernetes API from outside the VPC. Empty: none may."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.endpoint_public_cidrs : can(cidrhost(cidr, 0)) && cidr != "0.0.0.0/0"])
    error_message = "Give CIDR blocks, and not the whole Internet."
  }
}

variable "client_cidrs" {
  description = "Addresses that may reach the service through the load balancer."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Give CIDR blocks."
  }
}

variable "load_balancer_internal" {
  description = "Whether the load balancer has addresses inside the VPC only."
  type        = bool
  default     = false
}

variable "ingress_node_port" {
  description = "NodePort of the cluster's TLS entry point, which the load balancer sends to."
  type        = number
  default     = 30443

  validation {
    condition     = var.ingress_node_port >= 30000 && var.ingress_node_port <= 32767
    error_message = "Kubernetes gives node ports from 30000 to 32767."
  }
}

# --- network ---

variable "vpc_cidr" {
  description = "Addresses of the VPC; a /16 leaves room for 4,000 pods in each zone."
  type        = string
  default     = "10.60.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && contains(["16", "17", "18"], split("/", var.vpc_cidr)[1])
    error_message = "Give a CIDR block from /16, the largest that AWS takes, to /18."
  }
}

variable "zones" {
  description = "Availability zones that are used, two to four: by name, so that a new zone of the region moves nothing. Add new ones at the end."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones) && length(var.zones) >= 2 && length(var.zones) <= 4
    error_message = "EKS and RDS want two zones at least; the addresses are laid out for four."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone. With false there is one: cheaper, and its zone's failure cuts off all."
  type        = bool
  default     = true
}

# --- cluster ---

variable "kubernetes_version" {
  description = "Kubernetes minor version; must be one that EKS supports."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "Write it as 1.NN."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the service, as in k8s/overlays/cloud."
  type        = string
  default     = "adjudicate"
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps logs of the control plane, the database and the network."
  type        = number
  default     = 365
}

variable "cpu_instance_types" {
  description = "Instance types of the nodes without a GPU, of the same size."
  type        = list(string)
  default     = ["m7a.2xlarge", "m7i.2xlarge", "m6a.2xlarge"]
}

variable "cpu_nodes" {
  description = "Fewest and most nodes without a GPU."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 12 }

  validation {
    condition     = var.cpu_nodes.min >= 1 && var.cpu_nodes.max >= var.cpu_nodes.min
    error_message = "min is 1 at least, max no less than min."
  }
}

variable "gpu_instance_types" {
  description = "Instance types of the nodes with a GPU, of the same size and GPU memory."
  type        = list(string)
  default     = ["g6e.2xlarge"]
}

variable "gpu_nodes" {
  description = "Fewest and most nodes with a GPU. A judge by URL and an encoder on the CPU need none: max = 0 leaves the group out."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 4 }

  validation {
    condition     = var.gpu_nodes.min >= 0 && var.gpu_nodes.max >= var.gpu_nodes.min
    error_message = "min is 0 at least, max no less than min."
  }
}

variable "gpu_capacity_type" {
  description = "ON_DEMAND, or SPOT: cheaper, and taken away at two minutes' notice."
  type        = string
  default     = "ON_DEMAND"

  validation {
    condition     = contains(["ON_DEMAND", "SPOT"], var.gpu_capacity_type)
    error_message = "ON_DEMAND or SPOT."
  }
}

variable "node_disk_gib" {
  description = "Disk of a node for images and caches. An image with CUDA takes about 9 GiB, weights of 7B in bf16 another 16."
  type        = object({ cpu = number, gpu = number })
  default     = { cpu = 60, gpu = 150 }
}

# --- what the overlay is told beside what Terraform makes ---

variable "hostname" {
  description = "Name that clients reach the service by, as in its certificate."
  type        = string
}

variable "qdrant_url" {
  description = "Qdrant server of the exemplars' vectors, for libraries too large for exact search."
  type        = string
  default     = "http://qdrant.qdrant.svc:6333"
}

variable "judge_url" {
  description = "Base URL of the OpenAI-compatible server of the judge."
  type        = string
  default     = "http://vllm.vllm.svc:8000/v1"
}

variable "judge_model" {
  description = "Name of the judge's model at that server."
  type        = string
  default     = "Qwen/Qwen2-VL-7B-Instruct"
}

variable "webhook_url" {
  description = "Address that is told what people have settled, signed by a secret. Empty: nobody is told."
  type        = string
  default     = ""

  validation {
    condition     = var.webhook_url == "" || startswith(var.webhook_url, "https://")
    error_message = "Give an https:// address, or nothing."
  }
}

variable "webhook_version" {
  description = "Raise it by one for another webhook_url and a new secret, give that to whoever receives them, then restart the ledger's pods."
  type        = number
  default     = 1
}

# --- data ---

variable "database_version" {
  description = "Major version of PostgreSQL."
  type        = string
  default     = "17"
}

variable "database_instance_class" {
  description = "RDS instance class; docs/capacity.md says how many decisions a second it must commit."
  type        = string
  default     = "db.m7g.large"
}

variable "database_storage_gib" {
  description = "Storage at first, and up to which RDS extends it by itself."
  type        = object({ first = number, most = number })
  default     = { first = 100, most = 1000 }
}

variable "database_multi_az" {
  description = "A standby in another zone. Without it a failure of the zone stops reviews until a restore."
  type        = bool
  default     = true
}

variable "database_backup_days" {
  description = "Days back to which the database can be restored to any second."
  type        = number
  default     = 14

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35
    error_message = "RDS keeps 1 to 35 days."
  }
}

variable "database_password_version" {
  description = "Raise it by one to make a new password, then restart the pods."
  type        = number
  default     = 1
}

variable "cache_node_type" {
  description = "ElastiCache node type, for verdicts and rate limits."
  type        = string
  default     = "cache.t4g.small"
}

variable "cache_nodes" {
  description = "Nodes of the cache; two or more fail over. What it holds can be lost: verdicts are judged again."
  type        = number
  default     = 2

  validation {
    condition     = var.cache_nodes >= 1 && var.cache_nodes <= 6
    error_message = "1 to 6."
  }
}

variable "ads_expire_days" {
  description = "Days after which files of ads and decisions leave the bucket `ads`; 0 keeps them."
  type        = number
  default     = 365
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete cluster, database and load balancer. Set it to false before a destroy."
  type        = bool
  default     = true
}
