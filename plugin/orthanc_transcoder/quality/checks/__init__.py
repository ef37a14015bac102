"""The checks of an instance: small functions, each reporting under a code of ``table``.

``table``          every check, its severity, where DICOM says so, what to do
``header``         attributes read leniently, whatever is wrong with them
``identity``       UIDs, group 2, encoding
``image_module``   what the Image Pixel module says, alone and against Pixel Data
``encapsulation``  fragments and offset tables
``codestream``     a codestream's own header against the data set
``lossy``          the history of lossy compression
``palette``        palette colour tables
``display``        rescale, window, geometry
``sop_class``      what the image's SOP Class asks for
``samples``        the decoded frames

``table`` needs the standard library alone, since Orthanc's side shows it.
"""
