"""Faces of people who do not exist: 3-D heads with exact landmarks, the same for one seed on any machine."""

from maskrec.data.generated.faces import FACE_SIZE, draw_face, face_landmarks
from maskrec.data.generated.properties import measure
from maskrec.data.generated.store import generate_faces

__all__ = ["FACE_SIZE", "draw_face", "face_landmarks", "generate_faces", "measure"]
