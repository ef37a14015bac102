"""DICOM files as bytes: what the standard asks of a transcoder, and nothing else.

Runs in worker processes and on the command line. Values are never decoded and
encoded again where that can be avoided, so that an element that need not
change keeps its exact bytes; pydicom lends its data dictionary alone.

``elements``    bytes -> raw elements
``vr``          what a data element is where the encoding does not say it
``convert``     raw elements -> bytes in another encoding
``file``        a whole file: preamble, ``group2``, data set (maybe ``deflate``d)
``syntaxes``    what each transfer syntax asks of them
``image``       what the pixels are, or why they must stay ``untouched``
``frames``      encapsulated pixel data <-> codestreams
``native``      native pixel data <-> arrays
``overlays``    overlays embedded in pixel data -> Overlay Data
``attributes``  the attributes that describe what became of the pixels
"""
