fadefollow scan --dataset lab --until 2023-11-20
