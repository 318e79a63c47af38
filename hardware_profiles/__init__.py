"""What can be had, and at what price: GPUs, links, nodes and offers as dated catalogue entries."""

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.link import Link
from hardware_profiles.node import Node
from hardware_profiles.offer import Offer
from hardware_profiles.profile import Profile
from hardware_profiles.value import Value
from hardware_profiles.yaml_file import load_yaml

__all__ = ["GPU", "InputError", "Link", "Node", "Offer", "Profile", "Value", "load_yaml"]
