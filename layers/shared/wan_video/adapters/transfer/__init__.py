"""From a result link to S3: many ranges at once, each streamed straight into its part, visible only when whole.

    link ──► Source ──► K streams: GET of a range ──► PUT of a part ──► CompleteMultipartUpload
               │                                                            If-None-Match: *
               ├─► short and near: one GET, streamed into one PUT
               ├─► short and far: K ranges at once, gathered in memory, and one PUT that begins with the first bytes
               └─► where ranges are not served: one GET, part by part from memory

How many connections a copy uses follows from what it measures, not from names: the time in which the first connection
opens shows whether the source is near, and the first chunk of a near source how many streams are enough (`limits`).

What a copy promises:

- **Memory** is a few buffers for each stream, or one part, however long the video is.
- **A cut costs at most 64 KiB twice**: a stream continues where it was cut (`Range`, and `If-Match` with the ETag of
  the first answer). Bytes of two versions are never mixed: another ETag, length or checksum ends the copy.
- **Only a complete video counts**: it begins like an MP4, and its length and CRC-64/XZ are those that the source
  states; S3 checks the CRC-64/NVME of each upload as it arrives, and that of the whole before the object appears. The
  CRC of an object of one PUT is compared before its last bytes are sent.
- **Only public addresses**: a host is looked up once, and only its public addresses are connected to, over TLS.
- **Everything ends**: each read and each write has a time-out, each retry has a name and a bound (`limits`), and at the
  deadline all connections are cut.
- **Nothing stays behind**: after any error the upload is aborted; what a killed worker leaves, the lifecycle rule of
  the bucket removes.
- **Links stay secret**: no library here logs, redirects or quotes one, and an error contains only a code.

Sources: OSS "GetObject" (`x-oss-hash-crc64ecma`, "Range"); S3 "PutObject", "UploadPart", "CompleteMultipartUpload",
"Checking object integrity", "Signature calculations: trailing headers".
"""

from wan_video.adapters.transfer.limits import Limits as Limits
from wan_video.adapters.transfer.stream_transfer import StreamTransfer as StreamTransfer
