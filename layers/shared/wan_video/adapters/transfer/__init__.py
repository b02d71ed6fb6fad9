"""From a result link to S3: many ranges at once, each streamed straight into its part, visible only when whole.

    link ──► Source ──► K streams: GET of a range ──► PUT of a part ──► CompleteMultipartUpload
               │                                                            If-None-Match: *
               └─► one GET where ranges are not served; one PUT where the whole video fits into memory

What a copy promises:

- **Memory** is a few buffers for each stream, however long the video is.
- **A cut costs 64 KiB twice at most**: a stream goes on where it broke off (`Range`, and `If-Match` with the ETag of
  the first answer). Bytes of two versions are never mixed: another ETag, length or checksum ends the copy.
- **Nothing counts unless it is whole**: its length, that it begins like an MP4, and its CRC-64/XZ are those the source
  states; S3 checks the CRC-64/NVME of each part as it arrives and of the whole before it shows it.
- **Everything ends**: each read and each write has a time-out, each retry a name and a bound (`limits`), and at the
  deadline all connections are cut, whatever they wait for.
- **Nothing stays behind**: whatever goes wrong, the upload is aborted; what a killed worker leaves, the bucket's
  lifecycle removes.
- **Links stay secret**: no library here logs, redirects or quotes one, and no error tells more than a code.

Sources: OSS "GetObject" (`x-oss-hash-crc64ecma`, "Range"); S3 "UploadPart", "CompleteMultipartUpload", "Checking object
integrity", "Signature calculations: trailing headers".
"""

from wan_video.adapters.transfer.limits import Limits as Limits
from wan_video.adapters.transfer.stream_transfer import StreamTransfer as StreamTransfer
