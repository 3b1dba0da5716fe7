"""What the product is made of: its packages, models and fonts, with hashes and licences.

`python -m supply licences` writes docs/licences.md, `python -m supply sbom` the bills of materials,
`python -m supply.secrets` looks for secrets in the tree. See docs/supply-chain.md.
"""
