"""Layer types of Caffe's forks; docs/FORKS.md says from which fork each comes and what judges it.

- ``roi_pooling.py``, ``smooth_l1.py``, ``proposal.py``: Fast and Faster R-CNN
- ``position_sensitive.py``, ``hard_examples.py``: R-FCN
- ``rearranging.py``: Permute, ShuffleChannel, Reorg, Flip
- ``depthwise.py``, ``axpy.py``, ``relu6.py``: MobileNet, ShuffleNet, SENet
- ``normalize.py``, ``batch_norm.py``, ``resampling.py``: Normalize, BN, Interp and Upsample
- ``prior_box.py``, ``multibox_loss.py``, ``detection_output.py``, ``detection_evaluate.py``: SSD, with ``boxes.py``,
  ``matching.py`` and ``ground_truth.py``; ``annotated_data.py`` and ``box_sampling.py``: its data
- ``faces.py``: CenterLoss, MarginInnerProduct
- ``yolo.py``: outputs of YOLO v2 and v3
- ``label_images.py``, ``seg_accuracy.py``: segmentation
"""
