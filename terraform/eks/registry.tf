resource "aws_ecr_repository" "this" {
  for_each = toset(["gateway", "encoder", "library", "judge", "ledger", "client"])

  name                 = "adjudicate/${each.value}" # as the images are called everywhere
  image_tag_mutability = "IMMUTABLE"                # a version means one image, today and at a rollback

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Twenty versions to go back to"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
      action       = { type = "expire" }
    }]
  })
}
