# syntax=docker/dockerfile:1
# The base of the CUDA image of `sana serve`: .NET 10, CUDA 12 and cuDNN 9, nothing of Sana. Built once; the image itself is made by the .NET SDK, see docs/kubernetes.md.
#   docker build -f src/Sana.Local/Cuda.Dockerfile -t registry.example.com/sana-cuda-base:12.9 src/Sana.Local && docker push registry.example.com/sana-cuda-base:12.9

# Only the libraries that ONNX Runtime's CUDA provider links. The driver is the node's.
FROM nvidia/cuda:12.9.1-cudnn-runtime-ubuntu22.04 AS cuda
RUN mkdir /cuda && cp -P \
    /usr/local/cuda/lib64/libcudart.so.12* \
    /usr/local/cuda/lib64/libcublas.so.12* \
    /usr/local/cuda/lib64/libcublasLt.so.12* \
    /usr/local/cuda/lib64/libcufft.so.11* \
    /usr/local/cuda/lib64/libcurand.so.10* \
    /usr/local/cuda/lib64/libnvrtc*.so* \
    /usr/lib/x86_64-linux-gnu/libcudnn*.so.9* \
    /cuda/

FROM mcr.microsoft.com/dotnet/aspnet:10.0
COPY --from=cuda /cuda /opt/cuda
RUN echo /opt/cuda > /etc/ld.so.conf.d/cuda.conf && ldconfig
ENV LD_LIBRARY_PATH=/opt/cuda:/usr/local/nvidia/lib64 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
