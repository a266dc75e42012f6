"""Records of instances, and the room that they hold on hosts."""
