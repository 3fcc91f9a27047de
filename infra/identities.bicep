// One identity for each app: what one may, the other need not.

param location string
param token string
param tags object

resource orchestrator 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-orchestrator-${token}'
  location: location
  tags: tags
}

resource gpu 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-gpu-${token}'
  location: location
  tags: tags
}

type app = { id: string, principalId: string, clientId: string }

output orchestrator app = { id: orchestrator.id, principalId: orchestrator.properties.principalId, clientId: orchestrator.properties.clientId }
output gpu app = { id: gpu.id, principalId: gpu.properties.principalId, clientId: gpu.properties.clientId }
