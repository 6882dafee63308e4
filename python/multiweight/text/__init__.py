"""From a shop's texts to labels by keywords.

- ``words.py``: a text cut into words, Chinese ones too
- ``mining.py``: frequent words as candidates, sorted by seeds.yaml
- ``keywords.py``: keywords.yaml: the words that a person has decided on
- ``labelling.py``: the labels that a text states
"""
