"""The subcommands and programs of the command line, and the module of this folder that runs each."""

#: The subcommands of the ``caffe`` command: the module's ``run(args, argv)``.
COMMANDS = {
    "train": "training", "test": "scoring", "time": "timing", "device_query": "device_query", "export": "exporting",
}  # fmt: skip

#: The programs that the original has beside it: the module's ``run_tool(name, words)``.
TOOLS = {
    "convert_imageset": "converting",
    "compute_image_mean": "averaging",
    "extract_features": "extracting",
    "upgrade_net_proto_text": "upgrading",
    "upgrade_net_proto_binary": "upgrading",
    "upgrade_solver_proto_text": "upgrading",
    "link_tools": "linking",
}
