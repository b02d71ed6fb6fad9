"""The local stack: template.yaml itself, deployed to an AWS engine and a Wan simulator on this machine."""
