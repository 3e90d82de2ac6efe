"""How the weights in models/ are made: photos in, a network that `alike_ros` loads out."""
